// The files in which a session can be handed on, as the menus name them.

import type { ExportFormat } from "../api-sessions";
import words from "../../words/en/session.json";

export const FORMAT_NAMES: Readonly<Record<ExportFormat, string>> = {
  csv: words.export_csv,
  parquet: words.export_parquet,
  json: words.export_json,
  html: words.export_html,
  pdf: words.export_pdf,
};

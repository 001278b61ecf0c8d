// What is set about the server, and what is known of a model.

import { ask } from "./api";
import type { ModelReply, SettingsReply } from "./protocol";

export async function fetchSettings(): Promise<SettingsReply> {
  return (await ask("/v1/settings")) as SettingsReply;
}

export async function fetchModel(name: string): Promise<ModelReply> {
  return (await ask(`/v1/models/${encodeURIComponent(name)}`)) as ModelReply;
}

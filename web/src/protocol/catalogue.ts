// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

/** An installed model; `figures` is what its config says of its measured quality. */
export interface Bundle {
  name: string;
  active: boolean;
  label_sets: string[];
  figures: Record<string, unknown>;
}

/** What reads a picture if nothing else is asked for; `detector` may be `auto`. */
export interface Choice {
  bundle: string;
  detector: string;
  label_set: string;
}

/** A face detector by name, and where it cannot run, why and how to get it. */
export interface Detector {
  name: string;
  available: boolean;
  reason: string | null;
}

/** That the server runs, and what it runs. */
export interface HealthReply {
  status: "ok";
  version: string;
  bundle: string;
  detector: string;
}

/** An expression and the colour it has everywhere, as #rrggbb. */
export interface Label {
  name: string;
  colour: string;
}

/** An ordered set of expressions that a bundle can name. */
export interface LabelSet {
  name: string;
  labels: Label[];
}

/** What changed faces cost: `loss` is the accuracy lost, with its 95 % interval. */
export interface ModelCondition {
  name: string;
  accuracy: number;
  loss: number;
  loss_low: number;
  loss_high: number;
}

/** What one split measured under one label rule; the first result is the headline. */
export interface ModelEvaluation {
  dataset: string;
  split: string;
  label_set: string;
  rule: string;
  rule_text: string;
  command: string;
  results: ModelResult[];
}

/** One label set of a model, and how common training taught each expression to be. */
export interface ModelHead {
  label_set: string;
  labels: Label[];
  training_shares: Record<string, number>;
  temperature: number;
  prior_strength: number;
}

/** What a model looks at: one face of so many pixels a side, in this colour. */
export interface ModelInput {
  size_px: number;
  channels: number;
  colour: string;
}

/** One model: what it is, what it was made of, how well it reads, and its card.

`card_html` has no scripts, no raw HTML and no headings above the second level, so a page can
show it as it is. `failures` is the address of a picture of where the model fails, if there
is one. */
export interface ModelReply {
  name: string;
  active: boolean;
  version: string;
  created: string;
  architecture: string;
  parameters: number;
  precision: string;
  graph_bytes: number;
  licence: string;
  input: ModelInput;
  default_label_set: string;
  heads: ModelHead[];
  data: Record<string, unknown>;
  evaluations: ModelEvaluation[];
  robustness: ModelRobustness[];
  card_markdown: string;
  card_html: string;
  failures: string | null;
}

/** One way an evaluation was measured; shares are 0..1, `log_loss` is in nats.

`crops` is `single`, `flip` (mean with the mirror image) or `ten` (mean of ten crops);
`images` is `published`, `unseen` (without those that are also training images) or `unlike`
(without those either that nearly are: the same picture, a little changed).
`baseline_accuracy` is what always answering the most frequent label reaches; null where that
is not known. */
export interface ModelResult {
  crops: string;
  images: string;
  n: number;
  accuracy: number;
  accuracy_low: number;
  accuracy_high: number;
  log_loss: number;
  macro_f1: number;
  balanced_accuracy: number;
  expected_calibration_error: number;
  baseline_accuracy: number | null;
  recall: Record<string, number>;
}

/** What changed faces cost on one split under one rule, the costliest condition first. */
export interface ModelRobustness {
  dataset: string;
  split: string;
  label_set: string;
  rule: string;
  n: number;
  accuracy: number;
  command: string;
  conditions: ModelCondition[];
}

/** What this server can read with. */
export interface ModelsReply {
  bundles: Bundle[];
  label_sets: LabelSet[];
  detectors: Detector[];
  default: Choice;
}

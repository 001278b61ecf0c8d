// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

export * from "./base";
export * from "./catalogue";
export * from "./jobs";
export * from "./live";
export * from "./pictures";
export * from "./server";
export * from "./sessions";

// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

/** What went wrong: a word for programs, a sentence for people, and particulars. */
export interface ErrorBody {
  code: string;
  message: string;
  details: string[];
}

/** The one shape of every error. */
export interface ErrorReply {
  error: ErrorBody;
}

import { AppError, type FieldError } from "../platform/errors.ts";

/** A rate as it is written in a file, before anything is checked. Lines are counted from 1. */
export interface Quote {
  line: number;
  day: string;
  currency: string;
  rate: string;
}

const MAX_ERRORS = 100;

/** Refuses the whole file, and says what is wrong with it, the first hundred things. */
export function refusal(errors: FieldError[]): AppError {
  const { line, message } = errors[0]!;
  return new AppError(
    "invalid_request",
    `The file is not valid, and nothing of it counts: line ${line} ${message}`,
    {
      errors: errors.slice(0, MAX_ERRORS),
    },
  );
}

/** One thing that is wrong with a field of a line; with the line as a whole where `field` is empty. */
export function wrong(line: number, field: string, message: string): FieldError {
  const name = field.slice(0, 20);
  return {
    pointer: name ? `/${line}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` : `/${line}`,
    code: "invalid",
    message: name ? `${name} ${message}` : message,
    line,
  };
}

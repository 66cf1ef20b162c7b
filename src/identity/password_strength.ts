import type { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { AppError } from "../platform/errors.ts";

const MIN_LENGTH = 10;
/** zxcvbn's scale of 0 to 4; 3 is "safely unguessable": 10⁸ guesses or more. */
const MIN_SCORE = 3;
/** The estimate's time grows with the length: 20 ms for this much, which decides well enough. */
const ESTIMATED_LENGTH = 64;
/** The default of 100 takes eight times as long for the same scores. */
const MAX_LEET_SUBSTITUTIONS = 10;

/** Whose password it is: what an attacker would try first. */
interface Person {
  email: string;
  name?: string | null;
}

/** @throws weak_password for one that is short or easy to guess, with the reason. */
export async function refuseWeakPassword(password: string, person: Person, pointer: string): Promise<void> {
  const reason = await findWeakness(password, person);
  if (!reason) return;
  throw new AppError("weak_password", `The password is too weak. ${reason.message}`, {
    errors: [{ pointer, ...reason }],
  });
}

/** What is wrong with a password; undefined for a good one. */
export async function findWeakness(
  password: string,
  person: Person,
): Promise<{ code: "too_short" | "easy_to_guess"; message: string } | undefined> {
  if ([...password].length < MIN_LENGTH) {
    return { code: "too_short", message: `It must have at least ${MIN_LENGTH} characters.` };
  }
  const estimator = await (estimatorLoading ??= loadEstimator());
  const { score, feedback } = estimator.check(password.slice(0, ESTIMATED_LENGTH), wordsOf(person));
  if (score >= MIN_SCORE) return undefined;
  const message = [feedback.warning ?? "It is easy to guess.", ...feedback.suggestions].join(" ");
  return { code: "easy_to_guess", message };
}

function wordsOf({ email, name }: Person): string[] {
  const texts = [email, email.split("@")[0]!, name ?? "", "waybill"];
  return [...new Set(texts.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)]).filter(Boolean))];
}

let estimatorLoading: Promise<ZxcvbnFactory> | undefined;

/** At first use: 170 ms and 70 MB of dictionaries, which a process that meets no new password never needs. */
async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import("@zxcvbn-ts/core"),
    import("@zxcvbn-ts/language-common"),
    import("@zxcvbn-ts/language-en"),
  ]);
  return new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    l33tMaxSubstitutions: MAX_LEET_SUBSTITUTIONS,
  });
}

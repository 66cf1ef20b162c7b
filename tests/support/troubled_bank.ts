import { type PaymentProvider, ProviderError } from "../../src/payments/providers/provider.ts";
import type { Sandbox } from "../../src/payments/providers/sandbox.ts";
import type { Dice } from "./random.ts";

/** What becomes of a call to the bank, and of how many in a hundred. */
const TROUBLES = [
  { name: "not done", weight: 4 },
  { name: "not answered", weight: 6 },
  { name: "killed", weight: 8 },
  { name: "overtaken", weight: 30 },
  { name: "none", weight: 52 },
] as const;
type Troubles = readonly { name: typeof TROUBLES[number]["name"]; weight: number }[];

/** By then others have had their turns. */
const MOST_TURNS = 30;
const NOBODY = "00000000-0000-7000-8000-000000000000";

/** What a process throws that goes no further. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** A bank that works, and whose answers are lost, come late or, with `kills`, are the last that a process hears. */
export class TroubledBank {
  isTroubled = true;
  readonly #sandbox: Sandbox;
  readonly #dice: Dice;
  readonly #kills: boolean;
  readonly #troubles: Troubles;

  constructor(sandbox: Sandbox, dice: Dice, kills: boolean, troubles: Troubles = TROUBLES) {
    this.#sandbox = sandbox;
    this.#dice = dice;
    this.#kills = kills;
    this.#troubles = troubles;
  }

  provider(): PaymentProvider {
    const troubled =
      <I, R>(call: (input: I, signal: AbortSignal) => Promise<R>) => (input: I, signal: AbortSignal) =>
        this.#answer(() => call(input, signal));
    const { charge, find, capture, void: release, refund } = this.#sandbox;
    return {
      ...this.#sandbox,
      charge: troubled(charge),
      find: troubled(find),
      capture: troubled(capture),
      void: troubled(release),
      refund: troubled(refund),
    };
  }

  async #answer<R>(call: () => Promise<R>): Promise<R> {
    const trouble = this.isTroubled ? this.#dice.pickByWeight(this.#troubles).name : "none";
    if (trouble === "not done") {
      throw new ProviderError("unknown", "api_error", "The bank answered with an error.");
    }
    const answer = await call();
    if (trouble === "not answered") {
      throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
    }
    if (trouble === "killed" && this.#kills) {
      throw new Killed("The process is killed before it records what the bank said.");
    }
    if (trouble === "overtaken") await this.#letOthersGoFirst();
    return answer;
  }

  /** So that what the bank said is old by the time it is recorded; each turn more is less likely than the one before. */
  async #letOthersGoFirst(): Promise<void> {
    for (let turn = 0; this.#dice.chance(1 - turn / MOST_TURNS); turn++) {
      await this.#sandbox.find({ id: NOBODY, reference: null });
    }
  }
}

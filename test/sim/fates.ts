import { copyState, damageState, isSound, loseState, type SavedState } from './damaged-state.ts';
import { SIM_PARTITIONS, type SimPlan } from './sim-plan.ts';
import type { SimWorld } from './sim-world.ts';
import type { StagePool } from './stage-pool.ts';

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;

/** What becomes of processes, of the state and of the clocks while the world runs. */
export class Fates {
  readonly #world: SimWorld;
  readonly #plan: SimPlan;
  /** A copy of each partition's state as it once was. */
  readonly #snapshots: (SavedState | undefined)[] = [];

  constructor(world: SimWorld) {
    this.#world = world;
    this.#plan = world.plan;
  }

  /** One second's share. */
  second(): void {
    const { random, transformers, writers, control } = this.#world;
    const { fates } = this.#plan;
    if (random.chance(fates.transformers)) this.#comeAndGo(transformers);
    if (random.chance(fates.writers)) this.#comeAndGo(writers);
    if (random.chance(fates.receivers)) this.#disturbReceivers();
    this.lookAfter();
    if (random.chance(fates.loseState)) this.#loseState();
    if (random.chance(fates.damageState)) this.#damageState();
    if (random.chance(0.1)) this.#takeSnapshot();
    if (random.chance(fates.rollBackState)) this.#rollBackState();
    if (random.chance(fates.moveLogClock)) this.#moveLogClock();
    if (random.chance(fates.change)) control.change();
    if (random.chance(fates.storeAway)) this.#loseStore();
    if (random.chance(fates.loseResults)) this.#world.loseResults(random.int(SIM_PARTITIONS));
    if (random.chance(fates.makeCheckpoint)) {
      this.#world.person.makeCheckpoint(random.int(SIM_PARTITIONS));
    }
    if (random.chance(fates.crashStore)) this.#world.crashStore();
    if (fates.restoreStore > 0) this.#dumpOrRestore();
    if (random.chance(fates.beginJob)) this.#world.beginJob();
    if (random.chance(fates.suspend)) {
      this.#world.clock.leap((1 + random.int(this.#plan.suspendSecondsMax)) * SECOND_US);
    }
  }

  /** Sessions end; somebody starts what is gone, sooner or later. */
  lookAfter(): void {
    const { random, transformers, writers, receivers } = this.#world;
    for (const pool of [transformers, writers]) {
      pool.expelLost(() => random.chance(0.1));
      if (pool.size === 0 && random.chance(0.3)) pool.add();
    }
    receivers.replaceDead();
  }

  #comeAndGo(pool: StagePool): void {
    const { random } = this.#world;
    switch (random.int(5)) {
      case 0:
        pool.crash();
        break;
      case 1:
        pool.stop();
        break;
      case 2:
        pool.freeze(random.int(8), 1000 * (1 + random.int(180)));
        break;
      default:
        if (pool.size < this.#plan.processesMax) pool.add();
    }
  }

  #disturbReceivers(): void {
    const { random, receivers } = this.#world;
    if (random.chance(0.6)) receivers.crash();
    else random.pick(receivers.processes).freeze(1000 * (1 + random.int(120)));
  }

  #loseState(): void {
    const { random, database } = this.#world;
    loseState(database.partition(random.int(SIM_PARTITIONS)));
  }

  #damageState(): void {
    const { random, database } = this.#world;
    const state = database.partition(random.int(SIM_PARTITIONS));
    if (!damageState(state, random)) return;
    this.#world.mendLater(() => loseState(state));
  }

  #takeSnapshot(): void {
    const { random, database } = this.#world;
    const partition = random.int(SIM_PARTITIONS);
    const state = database.partition(partition);
    if (isSound(state)) this.#snapshots[partition] = copyState(state);
  }

  #rollBackState(): void {
    const { random, database } = this.#world;
    const partition = random.int(SIM_PARTITIONS);
    const snapshot = this.#snapshots[partition];
    if (snapshot === undefined) return;
    Object.assign(database.partition(partition), copyState(snapshot));
  }

  #dumpOrRestore(): void {
    const { random } = this.#world;
    if (random.chance(0.1)) this.#world.dumpStore();
    if (random.chance(this.#plan.fates.restoreStore)) this.#world.restoreStore();
  }

  /** Append times step back and ahead. */
  #moveLogClock(): void {
    const { random, logClock } = this.#world;
    const range = random.pick([2 * SECOND_US, 10 * MINUTE_US]);
    logClock.offsetUs = random.int(2 * range) - range;
  }

  #loseStore(): void {
    const { random, clock, outage } = this.#world;
    const number = outage.begin();
    const seconds = 1 + random.int(this.#plan.storeAwaySecondsMax);
    void clock.sleep(seconds * 1000).then(() => outage.end(number));
  }
}

/** Something the process needs, as `/readyz` tells it. */
export interface Dependency {
  name: string;
  /** `degraded`: data is taken and kept, and something behind the log has to catch up. */
  state: 'ok' | 'degraded' | 'down';
  /** Why, when it is not ok. */
  detail?: string;
}

/** What `/readyz` answers: with 200 when `ready`, else with 503. */
export interface Health {
  /** Whether the process does its work now; a receiver: whether the log can accept data. */
  ready: boolean;
  dependencies: readonly Dependency[];
}

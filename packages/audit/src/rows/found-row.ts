/** A row as it lies in the store. */
export interface FoundRow {
  idHigh: number;
  idLow: number;
  timeUs: number;
  value: number;
  flags: number;
  isAbsent: boolean;
}

/** What the database is locked by. Any numbers will do that nothing else there locks by. */
export const AdvisoryLock = {
  migrations: 4_711_580_132,
  ranges: 4_711_580_133,
  expiry: 4_711_580_134,
  completion: 4_711_580_135,
  tenants: 4_711_580_136,
} as const;

/** Why a rule file is refused. Stable: people search for them. */
export const RuleFault = {
  /** The file has more bytes, or words of YAML, than a rule file may have. */
  fileTooBig: 'RULES_FILE_TOO_BIG',
  /** The text is not YAML. */
  yamlSyntax: 'RULES_YAML_SYNTAX',
  /** Lists and mappings are nested deeper than any rule needs. */
  tooDeep: 'RULES_TOO_DEEP',
  /** More YAML aliases (`*name`) than a file needs. */
  tooManyAliases: 'RULES_TOO_MANY_ALIASES',
  /** A key stands twice in one mapping. */
  duplicateKey: 'RULES_DUPLICATE_KEY',
  /** A key that means nothing here. */
  unknownKey: 'RULES_UNKNOWN_KEY',
  /** A rule lacks a key that every rule needs. */
  missingKey: 'RULES_MISSING_KEY',
  /** A list where a text is expected, and the like. */
  wrongType: 'RULES_WRONG_TYPE',
  /** A list that needs at least one item has none. */
  emptyList: 'RULES_EMPTY_LIST',
  /** A list has more items than it may have. */
  tooMany: 'RULES_TOO_MANY',
  /** An item stands twice in one list. */
  duplicateItem: 'RULES_DUPLICATE_ITEM',
  /** A rule name with other characters, too long, or one of ours. */
  badName: 'RULES_BAD_NAME',
  /** Two rules have the same name. */
  duplicateName: 'RULES_DUPLICATE_NAME',
  /** `match` is not a series selector. */
  badSelector: 'RULES_BAD_SELECTOR',
  /** A width is not a duration, or out of range. */
  badDuration: 'RULES_BAD_DURATION',
  /** How long something is kept is not a duration, or out of range. */
  badKeep: 'RULES_BAD_KEEP',
  /** How long windows of a width are kept that the rule does not have. */
  keepsNothing: 'RULES_KEEPS_NOTHING',
  /** A label name that no series can have, or that `without` cannot take away. */
  badLabel: 'RULES_BAD_LABEL',
  /** An aggregate that does not exist. */
  unknownAggregate: 'RULES_UNKNOWN_AGGREGATE',
  /** A rule counts the different values of two things; a piece has room for one. */
  twoDistincts: 'RULES_TWO_DISTINCTS',
  /** A rule has both `by` and `without`. */
  byAndWithout: 'RULES_BY_AND_WITHOUT',
  /** A rule that drops says what else should become of its samples. */
  dropAlone: 'RULES_DROP_ALONE',
} as const;
export type RuleFault = (typeof RuleFault)[keyof typeof RuleFault];

/** Codes of the MillraceErrors about rules that are in force already, or should be. */
export const RulesErrorCode = {
  /** Rules were compiled that no parser has accepted; a defect of the caller. */
  notParsed: 'RULES_NOT_PARSED',
  /** The rules of a barrier are damaged; the partition stops before it, and nothing is lost. */
  unreadable: 'RULES_UNREADABLE',
  /** The rules of a barrier were written by a newer release; this one stops before it. */
  versionUnknown: 'RULES_VERSION_UNKNOWN',
} as const;

/** One fault of a rule file, and what to do about it. */
export interface RuleProblem {
  /** Both counted from 1; the column in UTF-16 units. */
  line: number;
  column: number;
  code: RuleFault;
  message: string;
  remedy: string;
}

import type { Node } from 'yaml';
import { RuleFault } from './codes.ts';
import { readKeep, readKept } from './keep-fields.ts';
import { RULES_MAX, TENANT_CHARS_MAX, type Keep, type Tenant, type TenantKeep } from './rule.ts';
import { shortened, type YamlField, type YamlReader } from './yaml-reader.ts';

const TENANT_KEYS = ['name', 'keep'] as const;
const KEEP_KEYS = ['raw', 'narrow', 'wide', 'rules'] as const;

/** Reads what one tenant has of its own; undefined when that cannot be known. */
export function parseTenant(
  reader: YamlReader,
  node: Node,
  names: Set<string>,
): Tenant | undefined {
  const fields = reader.fields(node, 'A tenant', TENANT_KEYS);
  if (fields === undefined) return undefined;
  for (const key of TENANT_KEYS) {
    if (fields.has(key)) continue;
    const message = `The tenant has no ${key}.`;
    reader.report(node, { code: RuleFault.missingKey, message, remedy: `Add ${key}: to it.` });
  }
  const nameField = fields.get('name');
  const name = nameField === undefined ? undefined : readTenantName(reader, nameField, names);
  const keepField = fields.get('keep');
  const keep = keepField === undefined ? undefined : readTenantKeep(reader, keepField);
  return name === undefined || keep === undefined ? undefined : { name, keep };
}

function readTenantName(
  reader: YamlReader,
  field: YamlField,
  names: Set<string>,
): string | undefined {
  const found = reader.textField(field, 'name: acme');
  if (found === undefined) return undefined;
  const { text: name, node } = found;
  if (name === '' || name.length > TENANT_CHARS_MAX) {
    const message = `${shortened(name)} cannot be the name of a tenant.`;
    const remedy = `A name has 1 to ${TENANT_CHARS_MAX} characters.`;
    reader.report(node, { code: RuleFault.badName, message, remedy });
  } else if (names.has(name)) {
    const message = `The tenant ${shortened(name)} stands here twice.`;
    const remedy = 'Keep one of the two.';
    reader.report(node, { code: RuleFault.duplicateName, message, remedy });
  }
  names.add(name);
  return name;
}

function readTenantKeep(reader: YamlReader, field: YamlField): TenantKeep | undefined {
  if (field.value === undefined) {
    const message = 'keep says nothing.';
    const remedy = 'Write it as keep: { raw: 30d, narrow: 90d, wide: 3y }.';
    reader.report(field.keyNode, { code: RuleFault.wrongType, message, remedy });
    return undefined;
  }
  const fields = reader.fields(field.value, 'keep of a tenant', KEEP_KEYS);
  if (fields === undefined) return undefined;
  const keep: TenantKeep = {};
  for (const key of ['raw', 'narrow', 'wide'] as const) {
    const one = fields.get(key);
    const text = one === undefined ? undefined : readKept(reader, one);
    if (text !== undefined) keep[key] = text;
  }
  const rulesField = fields.get('rules');
  if (rulesField === undefined) return keep;
  const rules = (reader.names(rulesField, RULES_MAX) ?? []).flatMap((one): [string, Keep][] => {
    const kept = readKeep(reader, one, undefined);
    return kept === undefined ? [] : [[one.key, kept]];
  });
  return { ...keep, rules: Object.fromEntries(rules) };
}

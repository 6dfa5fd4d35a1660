import type { Finding, FindingKind } from './finding.ts';

const RULES: Readonly<Record<FindingKind, string>> = {
  'plaintext-env': 'A plaintext env file is in git',
  'secret-value': 'A secret value of the key ring is in git',
  'provider-secret': 'A credential of a provider is in git',
  gitignore: '.gitignore does not keep plaintext env files out',
};

/** SARIF 2.1.0, as code scanning services take it. No value, and no line of a file, is in it. */
export function sarif(findings: readonly Finding[], version: string): string {
  const rules = (Object.keys(RULES) as FindingKind[]).map((id) => ({ id, shortDescription: { text: RULES[id] }, defaultConfiguration: { level: id === 'gitignore' ? 'warning' : 'error' } }));
  const results = findings.map(({ kind, path, line, commit, detail, fingerprint, ...rest }) => ({
    ruleId: kind,
    ruleIndex: rules.findIndex(({ id }) => id === kind),
    level: kind === 'gitignore' ? 'warning' : 'error',
    message: { text: commit === undefined ? detail : `${detail}, since commit ${commit}` },
    locations: path.startsWith('(') ? [] : [{ physicalLocation: { artifactLocation: { uri: uriOf(path), uriBaseId: '%SRCROOT%' }, ...(line === undefined ? {} : { region: { startLine: line } }) } }],
    partialFingerprints: { 'lockfast/v1': fingerprint },
    properties: Object.fromEntries(Object.entries({ path, commit, ...rest }).filter(([, value]) => value !== undefined)),
  }));
  const driver = { name: 'Lockfast guard', version, informationUri: 'https://www.npmjs.com/package/lockfast', rules };
  return `${JSON.stringify({ $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [{ tool: { driver }, columnKind: 'unicodeCodePoints', results }] }, null, 2)}\n`;
}

function uriOf(path: string): string {
  return path.split('/').map((part) => encodeURIComponent(part.toWellFormed())).join('/');
}

/**
 * Credentials that providers mark with a prefix of their own, by the rules of secretlint. Rules that guess (passwords in
 * URLs, account numbers) are left out, and so are its comments that turn rules off: what is ignored stands in a reviewed file.
 */
import type { lintSource } from '@secretlint/core';
import type { rules as presetRules } from '@secretlint/secretlint-rule-preset-recommend';

import { MarkerSearch } from './marker-search.ts';

export interface ProviderMatch {
  /** As secretlint names it, without its prefix: `github`. */
  readonly rule: string;
  readonly start: number;
  readonly end: number;
}

type Rule = (typeof presetRules)[number];

interface Secretlint {
  readonly lint: typeof lintSource;
  readonly rules: ReadonlyMap<string, Rule>;
}

/** Each rule, and the texts without one of which it finds nothing: a file that has none of them costs no regular expression. */
const MARKERS: Readonly<Record<string, readonly string[]>> = {
  '1password': ['ops_ey'],
  anthropic: ['sk-ant-api0'],
  aws: ['SECRET_ACCESS_KEY', 'secret_access_key', 'SecretAccessKey', 'SECRETACCESSKEY', 'secretaccesskey'],
  cloudflare: ['cfk_', 'cfut_', 'cfat_'],
  databricks: ['dapi'],
  docker: ['dckr_pat_'],
  figma: ['figd_'],
  github: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
  gitlab: ['glpat-'],
  grafana: ['glc_', 'glsa_'],
  groq: ['gsk_'],
  'hashicorp-vault': ['hvs.', 'hvb.', 'hvr.'],
  huggingface: ['hf_'],
  linear: ['lin_api_'],
  notion: ['ntn_'],
  npm: ['npm_', '_authToken=', ':x-oauth-basic@'],
  openai: ['T3BlbkFJ'],
  privatekey: ['-----BEGIN'],
  sendgrid: ['SG.'],
  shopify: ['shppa_', 'shpca_', 'shpat_', 'shpss_'],
  slack: ['xoxb-', 'xoxp-', 'xapp-', 'xoxa-', 'xoxo-', 'xoxr-', 'hooks.slack.com'],
  stripe: ['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_'],
  tailscale: ['tskey-'],
  vercel: ['vcp_', 'vci_', 'vca_', 'vcr_', 'vck_'],
};

/** Headers, hosts, and names in front of a sign and a quote. `xapp-1-` and its like come in short parts. */
const ANY_FOLLOWS: ReadonlySet<string> = new Set([...MARKERS['aws']!, ...MARKERS['privatekey']!, ...MARKERS['slack']!, '_authToken=', ':x-oauth-basic@']);

const RULES_OF = new Map(Object.entries(MARKERS).flatMap(([rule, markers]) => markers.map((marker) => [marker, rule] as const)));

/** More of them in one file are examples, or a list; what comes after is not shown. */
const MOST_MATCHES = 100;

export class ProviderSearch {
  readonly #markers = new MarkerSearch([...RULES_OF.keys()], ANY_FOLLOWS);
  #secretlint: Promise<Secretlint> | undefined;

  /** @param path by its name some rules know what a file is */
  async search(path: string, bytes: Buffer): Promise<ProviderMatch[]> {
    const wanted = new Set([...this.#markers.search(bytes)].map((marker) => RULES_OF.get(marker)!));
    if (wanted.size === 0) return [];
    this.#secretlint ??= loadSecretlint();
    const { lint, rules } = await this.#secretlint;
    // As Latin-1 a position is a byte. All that the rules look for is ASCII.
    const source = { filePath: path, content: bytes.toString('latin1'), ext: /\.[^./]*$/.exec(path)?.[0] ?? '', contentType: 'text' as const };
    const config = { rules: [...wanted].flatMap((id) => (rules.has(id) ? [{ id, rule: rules.get(id)! }] : [])) };
    const { messages } = await lint({ source, options: { config, noPhysicFilePath: true, maskSecrets: true } });
    return messages.slice(0, MOST_MATCHES).map(({ ruleId, range: [start, end] }) => ({ rule: shortName(ruleId), start, end }));
  }
}

/** Late: most scans find no marker at all. */
async function loadSecretlint(): Promise<Secretlint> {
  const [{ lintSource: lint }, { rules }] = await Promise.all([import('@secretlint/core'), import('@secretlint/secretlint-rule-preset-recommend')]);
  return { lint, rules: new Map(rules.map((rule) => [shortName(rule.meta.id), rule])) };
}

function shortName(id: string): string {
  return id.replace(/^@secretlint\/secretlint-rule-/, '');
}

/** What `live-application.ts` is told, and what it tells. */
export interface LiveOrder {
  readonly url: string;
  readonly ring: string;
  readonly source: string;
  readonly home: string;
  /** It writes rows whose ids leave this remainder by 3 alone; it reads all. */
  readonly server: number;
  readonly rows: number;
  readonly host: string;
  /** How often it looks at the ring's file; undefined: when it gets SIGHUP. */
  readonly everyMs?: number | undefined;
}

export interface LiveResult {
  readonly failures: Readonly<Record<string, number>>;
  readonly acknowledged: Readonly<Record<number, string>>;
  readonly reads: number;
  readonly writes: number;
}

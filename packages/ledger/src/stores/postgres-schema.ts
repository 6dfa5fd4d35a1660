/**
 * The tables and functions of a ledger in PostgreSQL. A step that was published never changes. Whoever installs owns
 * them; the application's role reads the tables and executes the functions, and can do nothing else.
 */

export const SCHEMA = 'lockfast_ledger';

/** The one lock of all that append, of two halves: "lock", "fast" in ASCII. */
export const APPEND_LOCK = '1819239275, 1717662580';

export const STEPS: readonly string[] = [
  // 1: the entries. `batch` stands with the first entry of each append, so that one whose reply was lost is found again.
  `CREATE TABLE lockfast_ledger.ledger (one boolean PRIMARY KEY DEFAULT true CHECK (one), log_id text NOT NULL);
   CREATE TABLE lockfast_ledger.entries (seq bigint PRIMARY KEY, entry bytea NOT NULL, chain bytea NOT NULL, tree bytea NOT NULL, batch uuid UNIQUE);
   ALTER TABLE lockfast_ledger.entries ALTER entry SET STORAGE EXTERNAL, ALTER tree SET STORAGE PLAIN;
   CREATE FUNCTION lockfast_ledger.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
   BEGIN
     RAISE EXCEPTION 'entries are never changed or removed' USING ERRCODE = 'restrict_violation';
   END $$;
   CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON lockfast_ledger.entries FOR EACH STATEMENT EXECUTE FUNCTION lockfast_ledger.refuse();
   CREATE FUNCTION lockfast_ledger.append(this_batch uuid, new_entries bytea[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   DECLARE
     first_seq bigint;
     place bigint;
     id bytea;
     link bytea;
     body bytea;
     node bytea;
     nodes bytea;
     sibling bytea;
     leaves bigint;
     level int;
   BEGIN
     PERFORM pg_advisory_xact_lock(${APPEND_LOCK});
     SELECT e.seq INTO first_seq FROM lockfast_ledger.entries e WHERE e.batch = this_batch;
     IF FOUND THEN
       RETURN first_seq;
     END IF;
     SELECT convert_to(l.log_id, 'UTF8') INTO STRICT id FROM lockfast_ledger.ledger l;
     SELECT e.seq, e.chain INTO place, link FROM lockfast_ledger.entries e ORDER BY e.seq DESC LIMIT 1;
     IF NOT FOUND THEN
       place := 0;
       link := decode(repeat('00', 32), 'hex');
     END IF;
     first_seq := place + 1;
     FOREACH body IN ARRAY new_entries LOOP
       place := place + 1;
       node := sha256('\\x00'::bytea || body);
       link := sha256('\\x02'::bytea || id || int8send(place) || link || node);
       nodes := node;
       leaves := 1;
       level := 0;
       WHILE place % (2 * leaves) = 0 LOOP
         SELECT substr(e.tree, 32 * level + 1, 32) INTO sibling FROM lockfast_ledger.entries e WHERE e.seq = place - leaves;
         IF sibling IS NULL OR length(sibling) <> 32 THEN
           RAISE EXCEPTION 'entry % is missing or cut short', place - leaves USING ERRCODE = 'data_corrupted';
         END IF;
         node := sha256('\\x01'::bytea || sibling || node);
         nodes := nodes || node;
         leaves := 2 * leaves;
         level := level + 1;
       END LOOP;
       INSERT INTO lockfast_ledger.entries (seq, entry, chain, tree, batch)
         VALUES (place, body, link, nodes, CASE WHEN place = first_seq THEN this_batch END);
     END LOOP;
     RETURN first_seq;
   END $$;`,
  // 2: checkpoints, and the key that signs them.
  `CREATE TABLE lockfast_ledger.checkpoints (id bigint PRIMARY KEY, size bigint NOT NULL, origin text NOT NULL, note text NOT NULL);
   CREATE TABLE lockfast_ledger.signers (id bigint PRIMARY KEY, public_key bytea NOT NULL);
   CREATE TABLE lockfast_ledger.wrappings (signer bigint NOT NULL REFERENCES lockfast_ledger.signers, id bigint NOT NULL, wrapped text NOT NULL, PRIMARY KEY (signer, id), UNIQUE (signer, wrapped));
   CREATE FUNCTION lockfast_ledger.add_checkpoint(its_size bigint, its_origin text, its_note text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   BEGIN
     PERFORM pg_advisory_xact_lock(${APPEND_LOCK});
     INSERT INTO lockfast_ledger.checkpoints SELECT coalesce(max(c.id), 0) + 1, its_size, its_origin, its_note FROM lockfast_ledger.checkpoints c;
   END $$;
   CREATE FUNCTION lockfast_ledger.set_signer(its_key bytea, its_wrappings text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   DECLARE
     newest bigint;
     newest_key bytea;
     each_one text;
   BEGIN
     PERFORM pg_advisory_xact_lock(${APPEND_LOCK});
     SELECT s.id, s.public_key INTO newest, newest_key FROM lockfast_ledger.signers s ORDER BY s.id DESC LIMIT 1;
     IF newest_key IS DISTINCT FROM its_key THEN
       newest := coalesce(newest, 0) + 1;
       INSERT INTO lockfast_ledger.signers VALUES (newest, its_key);
     END IF;
     FOREACH each_one IN ARRAY its_wrappings LOOP
       INSERT INTO lockfast_ledger.wrappings SELECT newest, coalesce(max(w.id), 0) + 1, each_one FROM lockfast_ledger.wrappings w WHERE w.signer = newest
         ON CONFLICT DO NOTHING;
     END LOOP;
   END $$;`,
];

/** What the application's role may do, and nobody else. `role`: a quoted identifier. */
export function grants(role: string): string {
  return `REVOKE ALL ON SCHEMA lockfast_ledger FROM PUBLIC;
    REVOKE ALL ON ALL TABLES IN SCHEMA lockfast_ledger FROM PUBLIC, ${role};
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lockfast_ledger FROM PUBLIC, ${role};
    GRANT USAGE ON SCHEMA lockfast_ledger TO ${role};
    GRANT SELECT ON ALL TABLES IN SCHEMA lockfast_ledger TO ${role};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lockfast_ledger TO ${role};`;
}

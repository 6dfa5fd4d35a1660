CREATE TABLE slack_connections (id text PRIMARY KEY, org_id text NOT NULL, bot_token_encrypted text NOT NULL);
CREATE TABLE confluence_connections (id text PRIMARY KEY, org_id text NOT NULL, access_token_encrypted text NOT NULL);

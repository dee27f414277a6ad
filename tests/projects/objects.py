"""SQL that makes something of each kind that a PostgreSQL database can hold."""

from __future__ import annotations

# Of each kind something: made before tables, the tables, and what is made after them.
TYPES = """
CREATE SCHEMA billing;
CREATE EXTENSION vector;
CREATE TYPE level AS ENUM ('low', 'high');
CREATE DOMAIN address AS text DEFAULT 'a@b' CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE DOMAIN a_home AS address NOT NULL;
CREATE TYPE pair AS (a integer, b address);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE SEQUENCE numbers START 5 INCREMENT 5 MAXVALUE 100 CYCLE;
CREATE FUNCTION billing.next_number(kind level) RETURNS text LANGUAGE sql AS $$ SELECT '100%: \n' $$;
"""
TABLES = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    total numeric(10, 2) NOT NULL DEFAULT 0 CHECK (total >= 0),
    number text DEFAULT billing.next_number('low'),
    mood mood, moods mood[], contact address, home a_home, both_of pair, during span, place vector(3),
    EXCLUDE USING gist (during WITH &&)
);
CREATE TABLE billing.invoices (id serial PRIMARY KEY, order_id bigint UNIQUE REFERENCES orders);
CREATE TABLE events (at date PRIMARY KEY, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ix_kind ON events (kind);
"""
REST = r"""
CREATE TYPE spare AS ENUM ('it''s', 'b');
CREATE VIEW z_dear AS SELECT id, total FROM orders WHERE total > 100;
CREATE VIEW a_dearest WITH (security_barrier = true) AS SELECT id FROM z_dear WHERE total > 1000;
CREATE MATERIALIZED VIEW m_counted AS SELECT count(*) AS n FROM a_dearest;
CREATE UNIQUE INDEX ix_counted ON m_counted (n);
CREATE FUNCTION of_view(v z_dear) RETURNS bigint LANGUAGE sql AS 'SELECT v.id';
CREATE VIEW a_on_function AS SELECT of_view(z_dear) AS id FROM z_dear;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  return new;  -- as it is: 'two  blanks'
end
$$;
CREATE PROCEDURE tidy(older integer DEFAULT 3) LANGUAGE sql AS 'DELETE FROM public.orders WHERE id < older';
CREATE AGGREGATE added(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE TRIGGER stamped BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER kept BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE orders ENABLE ALWAYS TRIGGER stamped;
CREATE RULE no_delete AS ON DELETE TO orders DO INSTEAD NOTHING;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON orders AS RESTRICTIVE FOR SELECT TO pg_monitor USING (id = 1);
CREATE STATISTICS st ON kind, at FROM events_2024;
COMMENT ON VIEW z_dear IS E'two\nlines, 100% \\ it''s';
COMMENT ON POLICY own ON orders IS 'mine';
COMMENT ON DOMAIN address IS 'with an @';
COMMENT ON PROCEDURE tidy IS 'tidies';
COMMENT ON MATERIALIZED VIEW m_counted IS 'counted';
COMMENT ON CONSTRAINT orders_pkey ON orders IS 'the key';
"""
EVERYTHING = TYPES + TABLES + REST

// Package grant lists the SQL statements that give a PostgreSQL role the privileges
// that it lacks on the schema onsale.
package grant

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Need lists the privileges that a role needs.
type Need struct {
	// Tables maps the name of a table, without its schema, to the privileges on it,
	// such as "SELECT, INSERT". Tables that do not exist are skipped.
	Tables map[string]string
	// Create is set if the role must be able to create the schema, or tables in it.
	Create bool
	// Own is set if the role must be able to alter the tables. Only a member of the
	// role that owns them can.
	Own bool
}

// missing selects the statements in the order database, schema, tables. Tables with
// the same missing privileges share a statement.
const missing = `
WITH role AS (SELECT quote_ident(current_user) AS name),
schema AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'onsale'),
needed AS (
	SELECT split_part(need, ' ', 1) AS relname, split_part(need, ' ', 2) AS privilege, n
	FROM unnest(ARRAY[%[1]s]::text[]) WITH ORDINALITY AS needs(need, n)
),
lacking AS (
	SELECT c.relname, string_agg(privilege, ', ' ORDER BY n) AS privileges
	FROM needed JOIN pg_catalog.pg_class c ON c.relname = needed.relname AND c.relnamespace = (SELECT oid FROM schema)
	WHERE NOT has_table_privilege(c.oid, privilege) GROUP BY c.relname
)
SELECT statement FROM (
	SELECT 1 AS n, format('GRANT CREATE ON DATABASE %%1$I TO %%2$s; or instead: CREATE SCHEMA onsale AUTHORIZATION %%2$s',
		current_database(), name) AS statement
	FROM role WHERE %[2]t AND NOT EXISTS (SELECT FROM schema) AND NOT has_database_privilege(current_database(), 'CREATE')
	UNION ALL
	SELECT 2, format('GRANT %%s ON SCHEMA onsale TO %%s', string_agg(privilege, ', ' ORDER BY privilege DESC), name)
	FROM role, schema, (VALUES ('USAGE', true), ('CREATE', %[2]t)) AS needs(privilege, wanted)
	WHERE wanted AND NOT has_schema_privilege(schema.oid, privilege) GROUP BY name
	UNION ALL
	SELECT 3, format('GRANT %%s ON %%s TO %%s', privileges, string_agg('onsale.' || quote_ident(relname), ', ' ORDER BY relname), name)
	FROM role, lacking GROUP BY privileges, name
	UNION ALL
	SELECT DISTINCT 4, format('GRANT %%I TO %%s', pg_get_userbyid(relowner), name)
	FROM role, pg_catalog.pg_class WHERE %[3]t AND relkind = 'r' AND relnamespace = (SELECT oid FROM schema)
		AND NOT pg_has_role(relowner, 'USAGE')
) AS statements ORDER BY n, statement`

// Advice returns the statements that give the connection's role the privileges that
// it needs and lacks. It is empty if no privilege is missing, or if the query fails.
func Advice(ctx context.Context, conn *pgx.Conn, need Need) string {
	var needs []string
	for table, privileges := range need.Tables {
		for privilege := range strings.SplitSeq(privileges, ", ") {
			needs = append(needs, "'"+table+" "+privilege+"'")
		}
	}
	// No argument and no prepared statement: there can be a pooler in between.
	query := fmt.Sprintf(missing, strings.Join(needs, ", "), need.Create, need.Own)
	rows, err := conn.Query(ctx, query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return ""
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(statements) == 0 {
		return ""
	}
	return "as the owner or a superuser, run: " + strings.Join(statements, "; ")
}

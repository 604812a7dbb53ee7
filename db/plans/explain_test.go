package plans

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// A prepared statement is planned for its values the first five times; then for any values, if that looks no worse. Both
// have to be good.
const (
	forItsValues = "force_custom_plan"
	forAnyValues = "force_generic_plan"
)

// node is a step of a plan, of what EXPLAIN tells. Rows and removed ones are by loop.
type node struct {
	Kind             string  `json:"Node Type"`
	Parent           string  `json:"Parent Relationship"`
	Table            string  `json:"Relation Name"`
	Index            string  `json:"Index Name"`
	Rows             float64 `json:"Actual Rows"`
	Loops            float64 `json:"Actual Loops"`
	RemovedByFilter  float64 `json:"Rows Removed by Filter"`
	RemovedByRecheck float64 `json:"Rows Removed by Index Recheck"`
	RemovedByJoin    float64 `json:"Rows Removed by Join Filter"`
	Hit              int64   `json:"Shared Hit Blocks"`
	Read             int64   `json:"Shared Read Blocks"`
	Plans            []node  `json:"Plans"`
}

// explain runs a statement in a transaction that is rolled back, and returns its plan.
func explain(t *testing.T, d *dataset, mode string, setup []string, asked capture) node {
	t.Helper()
	ctx := t.Context()
	conn, err := d.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(ctx))
	for _, s := range append([]string{"SET LOCAL plan_cache_mode = " + mode}, setup...) {
		_, err := tx.Exec(ctx, s)
		require.NoError(t, err, s)
	}
	statement, err := tx.Prepare(ctx, "checked", asked.sql)
	require.NoError(t, err)
	defer conn.Conn().Deallocate(context.WithoutCancel(ctx), statement.Name)
	execute := "EXECUTE checked"
	if len(asked.args) > 0 {
		execute += "(" + literals(t, conn.Conn(), statement.ParamOIDs, asked.args) + ")"
	}
	var raw []byte
	err = tx.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON) "+execute,
		pgx.QueryExecModeSimpleProtocol).Scan(&raw)
	require.NoError(t, err)
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal(raw, &plans))
	require.Len(t, plans, 1)
	if testing.Verbose() {
		t.Logf("%s:\n%s", mode, raw)
	}
	return plans[0].Plan
}

// literals writes values down as pgx would send them: EXECUTE takes no parameters.
func literals(t *testing.T, conn *pgx.Conn, types []uint32, values []any) string {
	t.Helper()
	require.Len(t, values, len(types))
	written := make([]string, len(values))
	for i, value := range values {
		text, err := conn.TypeMap().Encode(types[i], pgtype.TextFormatCode, value, []byte{})
		require.NoError(t, err)
		if written[i] = "NULL"; text != nil { // an empty text is none
			written[i] = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
		}
	}
	return strings.Join(written, ", ")
}

// walk calls visit for a step and all below it.
func (n node) walk(visit func(node)) {
	visit(n)
	for _, p := range n.Plans {
		p.walk(visit)
	}
}

func (n node) String() string {
	name := n.Kind
	if n.Table != "" {
		name += " on " + n.Table
	}
	if n.Index != "" {
		name += " by " + n.Index
	}
	return fmt.Sprintf("%s: %.0f rows, %.0f left out, %.0f times", name, n.Rows, n.left(), n.Loops)
}

func (n node) left() float64 { return n.RemovedByFilter + n.RemovedByRecheck + n.RemovedByJoin }

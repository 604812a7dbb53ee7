package mail_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
)

func (h *house) release(address string) error {
	return db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		return h.Release(h.ctx(), tx, audit.CommandLine(), address)
	})
}

func (h *house) suppress(address, reason string) (row db.SuppressedAddress, err error) {
	err = db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		row, err = h.Suppress(h.ctx(), tx, audit.CommandLine(), address, reason)
		return err
	})
	return row, err
}

func TestAnAdminKeepsTheSuppressionList(t *testing.T) {
	t.Parallel()
	h := desk(t, "smtp://127.0.0.1:1")
	row, err := h.suppress(" Anna@Example.org ", "she\r\nasked us to")
	require.NoError(t, err)
	require.Equal(t, []string{"anna@example.org", "she asked us to"}, []string{row.Address, row.Reason})
	row, err = h.suppress("anna@example.org", "another one")
	require.NoError(t, err)
	require.Equal(t, "she asked us to", row.Reason, "the first reason stands")
	_, err = h.suppress("anna@example.org", " \n")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	for _, address := range []string{"", "anna", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example", "a\x00@b.example"} {
		_, err = h.suppress(address, "because")
		require.Equal(t, fault.Invalid, fault.CodeOf(err), address)
		require.Equal(t, fault.Invalid, fault.CodeOf(h.release(address)), address)
	}
	require.NoError(t, h.release("ANNA@example.org"))
	list, err := h.SuppressedAddresses(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, list)
	entries, err := audit.List(t.Context(), h.pool, audit.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 2, "what was there already is no change")
	require.Equal(t, []string{"mail.release", "mail.suppress"}, []string{entries[0].Action, entries[1].Action})
}

package files_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/files"
)

// told is an AdminMailer that keeps the files it is to tell of.
type told chan db.File

func (t told) Quarantined(_ context.Context, _ pgx.Tx, file db.File) error {
	t <- file
	return nil
}

func TestAdminsAreMailedAboutAnInfectedFileAndNoOther(t *testing.T) {
	t.Parallel()
	admins := make(told, 2)
	h := open(t, files.Config{}, files.Mailing(admins))
	clean := h.upload("clean.txt", []byte("nothing to see"))
	require.Equal(t, files.Clean, h.await(clean.ID).Status)
	infected := h.upload("eicar.txt", devstack.EICAR())
	require.Equal(t, files.Quarantined, h.await(infected.ID).Status)
	file := <-admins
	require.Equal(t, infected.ID, file.ID)
	require.Equal(t, "eicar.txt", file.Name)
	require.Contains(t, *file.Signature, "Eicar")
	require.Empty(t, admins)
}

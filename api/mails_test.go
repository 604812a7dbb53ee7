package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

func TestAnAdminLooksAtTheMails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mailing()
	s := h.open(api.Config{})
	root := s.admin()
	ada, bob := s.user(), s.user()
	list := func(query string) (page api.MailPage) {
		s.send(get("/api/admin/mails?" + query).by(&root)).want(http.StatusOK).into(&page)
		return page
	}
	page := list("limit=1")
	require.Equal(t, bob.email, page.Items[0].To)
	page = list("state=queued&before=" + page.Next.String())
	require.Equal(t, []string{"verify_address", ada.email, "queued"},
		[]string{page.Items[0].Template, page.Items[0].To, page.Items[0].State})
	require.Empty(t, list("state=sent").Items)
	var one api.Mail
	a := s.send(get("/api/admin/mails/" + page.Items[0].ID.String()).by(&root)).want(http.StatusOK)
	a.into(&one)
	require.Equal(t, ada.id, *one.UserID)
	require.JSONEq(t, `{}`, string(one.Data))
	require.NotContains(t, string(a.body), "token")
}

func TestAnAdminKeepsAddressesFromBeingMailed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin()
	const at = "/api/admin/mail-suppressions"
	for _, address := range []string{"Ada+x@example.org", "bob@example.org", "cid@example.org"} {
		var row api.Suppression
		s.send(send(at, `{"address":"`+address+`","reason":"asked us to"}`).by(&root)).want(http.StatusOK).into(&row)
		require.Equal(t, "asked us to", row.Reason)
	}
	list := func(query string) (page api.SuppressionPage) {
		s.send(get(at + "?" + query).by(&root)).want(http.StatusOK).into(&page)
		return page
	}
	page := list("limit=2")
	require.Equal(t, "ada+x@example.org", page.Items[0].Address)
	page = list("limit=2&after=" + url.QueryEscape(*page.Next))
	require.Len(t, page.Items, 1)
	require.Nil(t, page.Next)
	s.send(get(at + "?address=" + url.QueryEscape("ada+x@example.org")).via("DELETE").by(&root)).want(http.StatusNoContent)
	require.Len(t, list("").Items, 2)
	require.Equal(t, []string{"mail.release", "mail.suppress"}, s.audited(root, "target="+url.QueryEscape("ada+x@example.org")))
}

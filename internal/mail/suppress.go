package mail

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
)

// SuppressedAddresses lists the addresses that nothing is sent to, in order, the first after the given one first.
func (s *Service) SuppressedAddresses(ctx context.Context, after string, limit int32) ([]db.SuppressedAddress, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	list, err := s.queries.SuppressedAddresses(ctx, s.pool, db.SuppressedAddressesParams{After: after, Most: limit})
	if err != nil {
		return nil, fmt.Errorf("suppression list: %w", err)
	}
	return list, nil
}

// Suppress has nothing sent to an address any more, and returns its place on the list; one that is there keeps its first
// reason. Errors: code invalid.
func (s *Service) Suppress(ctx context.Context, tx pgx.Tx, by audit.Actor, address, reason string) (
	db.SuppressedAddress, error) {
	var none db.SuppressedAddress
	address, err := cleanAddress(strings.ToLower(strings.TrimSpace(address)))
	if err != nil {
		return none, err
	}
	if reason = oneLine(reason); reason == "" {
		return none, fault.New(fault.Invalid, "Say why nothing is to be sent to this address.")
	}
	added, err := s.queries.SuppressAddress(ctx, tx, db.SuppressAddressParams{Address: address, Reason: reason})
	if err != nil {
		return none, fmt.Errorf("suppress an address: %w", err)
	}
	row, err := s.queries.SuppressedAddress(ctx, tx, address)
	if err != nil {
		return none, fmt.Errorf("suppress an address: %w", err)
	}
	if added == 0 {
		return row, nil
	}
	return row, audit.Record(ctx, tx, by, audit.Entry{Action: "mail.suppress", Target: address, Reason: reason})
}

// Release takes an address off the suppression list. Errors: code invalid, not_found.
func (s *Service) Release(ctx context.Context, tx pgx.Tx, by audit.Actor, address string) error {
	address, err := cleanAddress(strings.ToLower(strings.TrimSpace(address)))
	if err != nil {
		return err
	}
	n, err := s.queries.ReleaseAddress(ctx, tx, address)
	if err != nil {
		return fmt.Errorf("release an address: %w", err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "This address is not on the suppression list.")
	}
	return audit.Record(ctx, tx, by, audit.Entry{Action: "mail.release", Target: address})
}

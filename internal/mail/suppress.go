package mail

import (
	"context"
	"fmt"
	"strings"

	"rohrpost/db"
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

// Suppress has nothing sent to an address any more; one that is on the list keeps its first reason. Errors: code invalid.
func (s *Service) Suppress(ctx context.Context, address, reason string) error {
	address, err := cleanAddress(strings.ToLower(strings.TrimSpace(address)))
	if err != nil {
		return err
	}
	if reason = oneLine(reason); reason == "" {
		return fault.New(fault.Invalid, "Say why nothing is to be sent to this address.")
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := s.queries.SuppressAddress(ctx, s.pool,
		db.SuppressAddressParams{Address: address, Reason: reason}); err != nil {
		return fmt.Errorf("suppress an address: %w", err)
	}
	return nil
}

// Release takes an address off the suppression list. Errors: code not_found.
func (s *Service) Release(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	n, err := s.queries.ReleaseAddress(ctx, s.pool, strings.ToLower(strings.TrimSpace(address)))
	if err != nil {
		return fmt.Errorf("release an address: %w", err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "This address is not on the suppression list.")
	}
	return nil
}

// Package plans holds the plans of the queries: its tests ask PostgreSQL, on a database as full as one gets in a busy
// month, how it answers each query of the folder queries, and complain where it reads more than the answer needs. A query
// without a case there fails them. See docs/observing.md for how to add one.
package plans

// Package redisurl makes a Redis client from one address, whatever stands behind it:
//
//	redis://[user:password@]host[:6379][/db]                                 one server; rediss:// for TLS, unix:// too
//	redis+sentinel://[user:password@]host[:26379],host2,…/master[/db]        whoever Sentinel says is the master
//	redis+cluster://[user:password@]host[:6379],host2,…                      a Redis Cluster, from any of its nodes
//
// The last two have a TLS form as well, rediss+…. Query parameters are those of go-redis, such as read_timeout=2s or
// pool_size=50; sentinel_username and sentinel_password log in at the Sentinels themselves.
package redisurl

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"rohrpost/internal/fault"
)

const (
	redisPort    = "6379"
	sentinelPort = "26379"
)

// Config says where Redis is.
type Config struct {
	URL string `env:"REDIS_URL" secret:"true"`
}

// Open makes a client; it does not connect yet, since a process must start while Redis is away. The caller closes it.
// An address that can't be read is an error with code invalid, which doesn't repeat the address: it holds a password.
func Open(cfg Config) (redis.UniversalClient, error) {
	if cfg.URL == "" {
		return nil, fault.New(fault.Invalid, "REDIS_URL is not set")
	}
	scheme, rest, found := strings.Cut(cfg.URL, "://")
	if !found {
		return nil, invalid("it has no scheme, such as redis://")
	}
	plain, kind, _ := strings.Cut(scheme, "+")
	switch kind {
	case "":
		options, err := redis.ParseURL(cfg.URL)
		if err != nil {
			return nil, invalid("%s", reason(err))
		}
		return redis.NewClient(options), nil
	case "sentinel":
		options, err := sentinel(plain, rest)
		if err != nil {
			return nil, err
		}
		return redis.NewFailoverClient(options), nil
	case "cluster":
		options, err := cluster(plain, rest)
		if err != nil {
			return nil, err
		}
		return redis.NewClusterClient(options), nil
	}
	return nil, invalid("its scheme %q is none of redis, redis+sentinel, redis+cluster", scheme)
}

func sentinel(scheme, rest string) (*redis.FailoverOptions, error) {
	u, others, err := hosts(scheme, rest, sentinelPort)
	if err != nil {
		return nil, err
	}
	master, database, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if master == "" {
		return nil, invalid("it names no master: redis+sentinel://host/MASTER")
	}
	query := u.Query()
	query["addr"] = others
	query.Set("master_name", master)
	// go-redis takes the login in the address for that of the Sentinels.
	if u.User != nil {
		password, _ := u.User.Password()
		query.Set("username", u.User.Username())
		query.Set("password", password)
	}
	u.User = url.UserPassword(query.Get("sentinel_username"), query.Get("sentinel_password"))
	query.Del("sentinel_username")
	query.Del("sentinel_password")
	u.Path, u.RawQuery = "/"+database, query.Encode()
	options, err := redis.ParseFailoverURL(u.String())
	if err != nil {
		return nil, invalid("%s", reason(err))
	}
	return options, nil
}

func cluster(scheme, rest string) (*redis.ClusterOptions, error) {
	u, others, err := hosts(scheme, rest, redisPort)
	if err != nil {
		return nil, err
	}
	if strings.Trim(u.Path, "/") != "" {
		return nil, invalid("a cluster has no numbered databases")
	}
	query := u.Query()
	query["addr"] = others
	u.Path, u.RawQuery = "", query.Encode()
	options, err := redis.ParseClusterURL(u.String())
	if err != nil {
		return nil, invalid("%s", reason(err))
	}
	return options, nil
}

// hosts splits the list of hosts, which net/url takes for a malformed port: u has the first one, others the rest.
func hosts(scheme, rest, port string) (u *url.URL, others []string, err error) {
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	login, list := "", authority
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		login, list = authority[:i+1], authority[i+1:]
	}
	var all []string
	for host := range strings.SplitSeq(list, ",") {
		if host == "" {
			return nil, nil, invalid("its list of hosts has an empty place")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		all = append(all, host)
	}
	u, err = url.Parse(scheme + "://" + login + all[0] + tail)
	if err != nil {
		return nil, nil, invalid("%s", reason(err))
	}
	return u, all[1:], nil
}

// reason is what err says without the address, which *url.Error repeats, password and all.
func reason(err error) string {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // the parsers return it as it is
		return u.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "redis: ")
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "REDIS_URL can't be used: %s", fmt.Sprintf(format, args...))
}

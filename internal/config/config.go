// Package config reads the settings of a process from its environment into the Config structs of the packages it wires,
// and tells what was read without telling secrets. A setting is a field with the tag `env:"NAME"`, and `secret:"true"`
// where its value must not be seen.
package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"

	"rohrpost/internal/fault"
)

// Env is an environment: the process's own, or that with what a private stack adds.
type Env map[string]string

// OS is the environment of this process.
func OS() Env { return env.ToMap(os.Environ()) }

// List is the environment as a child process takes it, name=value each.
func (e Env) List() []string {
	list := make([]string, 0, len(e))
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// Load fills the Config structs that targets point to. A value that can't be read is an error with code invalid that
// names the variable and, unless it is a secret, says why. So is a number or a time below zero: none has a meaning.
func (e Env) Load(targets ...any) error {
	var errs []error
	for _, target := range targets {
		errs = append(errs, e.load(target))
	}
	return errors.Join(errs...)
}

func (e Env) load(target any) error {
	err := env.ParseWithOptions(target, env.Options{Environment: e})
	var all env.AggregateError
	if err == nil {
		return notNegative(target)
	}
	if !errors.As(err, &all) {
		return err
	}
	var errs []error
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			errs = append(errs, fault.Wrap(one, fault.Invalid, "a setting can't be read"))
			continue
		}
		errs = append(errs, unreadable(target, parse))
	}
	return errors.Join(errs...)
}

func notNegative(target any) error {
	var errs []error
	for s := range settings(target) {
		value := reflect.Indirect(s.value)
		if value.CanInt() && value.Int() < 0 || value.CanFloat() && value.Float() < 0 {
			errs = append(errs, fault.New(fault.Invalid, "%s is less than zero", s.name))
		}
	}
	return errors.Join(errs...)
}

func unreadable(target any, parse env.ParseError) error {
	for s := range settings(target) {
		if s.field.Name != parse.Name || s.field.Type != parse.Type {
			continue
		}
		if s.secret {
			return fault.New(fault.Invalid, "%s can't be read as %s", s.name, parse.Type)
		}
		return fault.Wrap(parse.Err, fault.Invalid, "%s can't be read as %s", s.name, parse.Type)
	}
	return fault.Wrap(parse.Err, fault.Invalid, "a setting can't be read")
}

// Require returns an error with code invalid that names every variable of names that is unset or empty.
func (e Env) Require(names ...string) error {
	var missing []string
	for _, name := range names {
		if e[name] == "" {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return fault.New(fault.Invalid, "%s is not set", missing[0])
	}
	return fault.New(fault.Invalid, "%s are not set", strings.Join(missing, ", "))
}

// Or returns the value of name, and def where it is unset or empty.
func (e Env) Or(name, def string) string {
	if value := e[name]; value != "" {
		return value
	}
	return def
}

// With returns a copy of e that has pairs, name after value after name, too.
func (e Env) With(pairs ...string) Env {
	if len(pairs)%2 != 0 {
		panic(fmt.Sprintf("config: a name without value in %q", pairs))
	}
	out := Env{}
	for name, value := range e {
		out[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

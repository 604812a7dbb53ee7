package config

import (
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Describe returns what a process may print of its settings at its start: those that differ from their zero value by
// name, secrets only as "set" or "unset", and in one attribute the names of the others, which take their defaults.
func Describe(targets ...any) []slog.Attr {
	var attrs []slog.Attr
	var defaults []string
	for _, target := range targets {
		for s := range settings(target) {
			switch {
			case slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == s.name }):
			case s.secret && s.value.IsZero():
				attrs = append(attrs, slog.String(s.name, "unset"))
			case s.secret:
				attrs = append(attrs, slog.String(s.name, "set"))
			case s.value.IsZero():
				defaults = append(defaults, s.name)
			default:
				attrs = append(attrs, slog.String(s.name, show(s.value)))
			}
		}
	}
	if len(defaults) > 0 {
		slices.Sort(defaults)
		attrs = append(attrs, slog.String("defaults", strings.Join(slices.Compact(defaults), " ")))
	}
	return attrs
}

// show formats a value. An address may hold a password although its setting is no secret as a whole.
func show(value reflect.Value) string {
	text := fmt.Sprint(reflect.Indirect(value).Interface())
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}

type setting struct {
	name   string
	secret bool
	field  reflect.StructField
	value  reflect.Value
}

// settings walks the fields of a Config, and of the structs in it, that have an env tag.
func settings(target any) iter.Seq[setting] {
	return func(yield func(setting) bool) {
		walk(reflect.Indirect(reflect.ValueOf(target)), yield)
	}
}

func walk(v reflect.Value, yield func(setting) bool) bool {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		switch {
		case !field.IsExported() || name == "-":
		case name != "":
			s := setting{name: name, secret: field.Tag.Get("secret") == "true", field: field, value: v.Field(i)}
			if !yield(s) {
				return false
			}
		case field.Type.Kind() == reflect.Struct:
			if !walk(v.Field(i), yield) {
				return false
			}
		}
	}
	return true
}

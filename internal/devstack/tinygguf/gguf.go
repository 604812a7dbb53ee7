package tinygguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

type kv struct {
	k string
	v any
}

type tensor struct {
	name  string
	shape []uint64 // ggml order: fastest dimension first
	data  []float32
	f16   bool
}

const align = 32

func pad(n uint64) uint64 { return (align - n%align) % align }

func (t tensor) size() uint64 {
	if t.f16 {
		return uint64(len(t.data)) * 2
	}
	return uint64(len(t.data)) * 4
}

// writeGGUF writes the file format, version 3. A write error sticks in the writer and is returned at the end.
func writeGGUF(out io.Writer, kvs []kv, ts []tensor) error {
	w := bufio.NewWriterSize(out, 1<<20)
	var n uint64
	put := func(v any) {
		binary.Write(w, binary.LittleEndian, v) //nolint:errcheck // bufio keeps the error for Flush
		n += uint64(binary.Size(v))
	}
	str := func(s string) { put(uint64(len(s))); put([]byte(s)) }
	put([]byte("GGUF"))
	put(uint32(3))
	put(uint64(len(ts)))
	put(uint64(len(kvs)))
	for _, e := range kvs {
		str(e.k)
		switch v := e.v.(type) {
		case uint32:
			put(uint32(4))
			put(v)
		case float32:
			put(uint32(6))
			put(v)
		case bool:
			put(uint32(7))
			b := uint8(0)
			if v {
				b = 1
			}
			put(b)
		case string:
			put(uint32(8))
			str(v)
		case []int32:
			put([]uint32{9, 5})
			put(uint64(len(v)))
			put(v)
		case []float32:
			put([]uint32{9, 6})
			put(uint64(len(v)))
			put(v)
		case []string:
			put([]uint32{9, 8})
			put(uint64(len(v)))
			for _, s := range v {
				str(s)
			}
		default:
			return fmt.Errorf("%s: %T", e.k, v)
		}
	}
	var off uint64
	for _, t := range ts {
		want := uint64(1)
		for _, d := range t.shape {
			want *= d
		}
		if want != uint64(len(t.data)) {
			return fmt.Errorf("%s: shape %v has %d values", t.name, t.shape, len(t.data))
		}
		str(t.name)
		put(uint32(len(t.shape)))
		put(t.shape)
		typ := uint32(0) // F32
		if t.f16 {
			typ = 1
		}
		put(typ)
		put(off)
		off += t.size()
		off += pad(off)
	}
	put(make([]byte, pad(n)))
	for _, t := range ts {
		if t.f16 {
			h := make([]uint16, len(t.data))
			for i, x := range t.data {
				h[i] = half(x)
			}
			put(h)
		} else {
			put(t.data)
		}
		put(make([]byte, pad(t.size())))
	}
	return w.Flush()
}

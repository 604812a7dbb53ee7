package tinygguf

import (
	"math"
)

// half rounds to IEEE binary16 (values here are far from overflow).
func half(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	exp := int(b>>23&0xff) - 127 + 15
	man := b & 0x7fffff
	if exp >= 31 {
		return sign | 0x7bff
	}
	if exp <= 0 {
		if exp < -10 {
			return sign
		}
		man |= 0x800000
		shift := uint(14 - exp)
		return sign | uint16((man+1<<(shift-1))>>shift)
	}
	return sign + uint16((uint32(exp)<<10)+((man+0x1000)>>13))
}

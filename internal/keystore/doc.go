// Package keystore is the vault: one sealed file that holds everything zen knows, and the
// key slots that open it.
//
// The public part of a record can be read while the vault is locked; secrets cannot. Each
// record is sealed with an AEAD that binds its public part, and the file as a whole
// carries a checksum (damage shows while locked) and a keyed MAC (tampering, deletion and
// mixing of generations show when it is unlocked). See file.go for the layout, seal.go
// for the cryptography, write.go for what makes a change atomic, and slots.go for how a
// new vault's key slot is chosen.
//
// The package must not know what the records mean, must not talk to a network, must not
// log or print anything, and must not fall back from one key slot to another on its own.
// Only the owner of the writer lock changes the file.
package keystore

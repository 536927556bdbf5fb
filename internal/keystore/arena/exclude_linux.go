package arena

import "golang.org/x/sys/unix"

// exclude keeps the pages out of core dumps and gives forked children zeros instead
// (madvise(2)). Kernels that know neither leave things as they are: zend also forbids
// core dumps as a whole.
func exclude(mem []byte) {
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	_ = unix.Madvise(mem, unix.MADV_WIPEONFORK)
}

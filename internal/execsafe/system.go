package execsafe

import "syscall"

func lstat(name string) (status, error) {
	var st syscall.Stat_t
	for {
		err := syscall.Lstat(name, &st)
		if err == nil {
			return status{mode: uint32(st.Mode), uid: int(st.Uid), gid: int(st.Gid)}, nil
		}
		if err != syscall.EINTR {
			return status{}, err
		}
	}
}

// maxTarget is more than a link can hold (PATH_MAX).
const maxTarget = 4097

func readlink(name string) (string, error) {
	buf := make([]byte, maxTarget)
	for {
		n, err := syscall.Readlink(name, buf)
		switch {
		case err == nil && (n == 0 || n == len(buf)):
			return "", syscall.ENAMETOOLONG
		case err == nil:
			return string(buf[:n]), nil
		case err != syscall.EINTR:
			return "", err
		}
	}
}

package main

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// reserved keeps the sockets below from being collected for as long as this process runs.
var reserved struct {
	sync.Mutex
	sockets []int
}

// reservePort returns a loopback port that stays ours while this process lives. The socket is bound but never listens, and
// shares its port with sockets of the same user that ask for it: the component binds it beside us, also after a restart,
// while nobody else can be given it meanwhile. (Closing the socket instead, and hoping, loses the port now and then.)
func reservePort() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("reserve a port: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("reserve a port: %w", err)
	}
	reserved.Lock()
	reserved.sockets = append(reserved.sockets, fd)
	reserved.Unlock()
	return name.(*unix.SockaddrInet4).Port, nil
}

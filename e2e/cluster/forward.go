package main

import (
	"io"
	"net"
)

// forward connects whoever comes in to an address, for as long as l listens.
func forward(l net.Listener, network, address string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		go join(in, network, address)
	}
}

func join(in net.Conn, network, address string) {
	defer in.Close()
	out, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer out.Close()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		done <- struct{}{}
	}
	go pipe(out, in)
	go pipe(in, out)
	<-done
	<-done
}

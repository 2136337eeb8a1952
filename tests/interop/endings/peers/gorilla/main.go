// A server on gorilla's websocket that ends connections as it is told; see websockets_peer.py.
//
//	gorilla server HOST:PORT [deadline=8] [life=20:HOW] [idle=20:HOW] [limit=100000] [tls=PEM]
//
// deadline is the read deadline of its documentation, which Pongs do not move here: once it passes,
// the connection is closed without a Close.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

var settings = map[string]string{}

func pair(name string) (time.Duration, string, bool) {
	value, there := settings[name]
	if !there {
		return 0, "", false
	}
	parts := strings.SplitN(value+":", ":", 2)
	seconds, err := strconv.ParseFloat(parts[0], 64)
	if err != nil {
		log.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second)), strings.TrimSuffix(parts[1], ":"), true
}

func end(conn *websocket.Conn, how string) {
	switch how {
	case "fin":
		conn.Close()
	case "rst":
		conn.UnderlyingConn().(*net.TCPConn).SetLinger(0)
		conn.Close()
	default:
		parts := strings.SplitN(how+":", ":", 2)
		code, _ := strconv.Atoi(parts[0])
		text := websocket.FormatCloseMessage(code, strings.TrimSuffix(parts[1], ":"))
		conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
		time.AfterFunc(time.Second, func() { conn.Close() })
	}
}

func handle(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	fmt.Println("open")
	defer conn.Close()
	if span, how, there := pair("life"); there {
		time.AfterFunc(span, func() { end(conn, how) })
	}
	if limit, there := settings["limit"]; there {
		bytes, _ := strconv.ParseInt(limit, 10, 64)
		conn.SetReadLimit(bytes)
	}
	var lock sync.Mutex
	heard := time.AfterFunc(1<<62, func() {})
	if span, how, there := pair("idle"); there {
		heard = time.AfterFunc(span, func() { end(conn, how) })
	}
	for {
		if span, _, there := pair("deadline"); there {
			conn.SetReadDeadline(time.Now().Add(span))
		}
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if span, _, there := pair("idle"); there {
			heard.Reset(span)
		}
		lock.Lock()
		conn.WriteMessage(kind, data)
		lock.Unlock()
	}
}

func main() {
	for _, setting := range os.Args[3:] {
		parts := strings.SplitN(setting, "=", 2)
		settings[parts[0]] = parts[1]
	}
	listener, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr())
	http.HandleFunc("/", handle)
	if pem, there := settings["tls"]; there {
		log.Fatal(http.ServeTLS(listener, nil, pem, pem))
	}
	log.Fatal(http.Serve(listener, nil))
}

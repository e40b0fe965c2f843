// webpush-go as a sender: one client, HTTP/2, and a record size just above the payload, without which it pads to 4,096 octets.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
)

// Pushes before the figures count.
const warmUp = 500

// Octets that encryption adds to the payload, and a few more.
const recordRoom = 200

type work struct {
	Subscriptions []struct{ Endpoint, P256dh, Auth string }
	VapidPublic   string `json:"vapid_public"`
	VapidPrivate  string `json:"vapid_private"`
	PayloadOctets int    `json:"payload_octets"`
	TTL           int    `json:"ttl"`
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("WORK COUNT IN_FLIGHT CERTIFICATE")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var todo work
	if err := json.Unmarshal(text, &todo); err != nil {
		log.Fatal(err)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	inFlight, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := os.ReadFile(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: inFlight,
	}}
	options := &webpush.Options{
		HTTPClient:      client,
		RecordSize:      uint32(todo.PayloadOctets + recordRoom),
		Subscriber:      "ops@example.com",
		TTL:             todo.TTL,
		VAPIDPublicKey:  todo.VapidPublic,
		VAPIDPrivateKey: todo.VapidPrivate,
	}
	payload := []byte(strings.Repeat("x", todo.PayloadOctets))
	subscriptions := make([]webpush.Subscription, len(todo.Subscriptions))
	for i, s := range todo.Subscriptions {
		subscriptions[i] = webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: s.P256dh, Auth: s.Auth}}
	}

	push := func(count int) {
		var next atomic.Int64
		var workers sync.WaitGroup
		for range inFlight {
			workers.Go(func() {
				for {
					number := int(next.Add(1)) - 1
					if number >= count {
						return
					}
					response, err := webpush.SendNotification(payload, &subscriptions[number%len(subscriptions)], options)
					if err != nil {
						log.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, response.Body); err != nil {
						log.Fatal(err)
					}
					response.Body.Close()
					if response.StatusCode != http.StatusCreated {
						log.Fatal(response.Status)
					}
				}
			})
		}
		workers.Wait()
	}
	push(warmUp)
	cpu, start := cpuSeconds(), time.Now()
	push(count)
	fmt.Printf("{\"accepted\":%d,\"cpu_seconds\":%f,\"seconds\":%f}\n", count, cpuSeconds()-cpu, time.Since(start).Seconds())
}

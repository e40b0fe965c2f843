// Sends with webpush-go: `peer JOB COUNT IN_FLIGHT WAY`, where WAY is http1 or http2.
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
	"sync"
	"sync/atomic"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
)

// The smallest record that holds the payload: without it each message is padded to 4,096 octets.
const recordOverhead = 86 + 1 + 16

type job struct {
	Certificate   string
	Payload       string
	TTL           int
	Vapid         struct{ Subject, Public, Private string }
	Subscriptions []webpush.Subscription
}

func client(job job, inFlight int, way string) (*http.Client, error) {
	pem, err := os.ReadFile(job.Certificate)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2:   way == "http2",
		MaxIdleConns:        inFlight,
		MaxIdleConnsPerHost: inFlight,
		MaxConnsPerHost:     inFlight,
	}
	return &http.Client{Transport: transport}, nil
}

func send(job job, number int, options *webpush.Options) error {
	subscription := &job.Subscriptions[number%len(job.Subscriptions)]
	response, err := webpush.SendNotification([]byte(job.Payload), subscription, options)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("the sink answers %s", response.Status)
	}
	return nil
}

func run() error {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var job job
	if err := json.Unmarshal(text, &job); err != nil {
		return err
	}
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	inFlight, err := strconv.Atoi(os.Args[3])
	if err != nil {
		return err
	}
	client, err := client(job, inFlight, os.Args[4])
	if err != nil {
		return err
	}
	options := &webpush.Options{
		HTTPClient:      client,
		RecordSize:      uint32(len(job.Payload) + recordOverhead),
		Subscriber:      job.Vapid.Subject,
		TTL:             job.TTL,
		VAPIDPublicKey:  job.Vapid.Public,
		VAPIDPrivateKey: job.Vapid.Private,
	}
	var next, accepted atomic.Int64
	var workers sync.WaitGroup
	start := time.Now()
	for range inFlight {
		workers.Go(func() {
			for number := int(next.Add(1)) - 1; number < count; number = int(next.Add(1)) - 1 {
				if err := send(job, number, options); err != nil {
					log.Fatal(err)
				}
				accepted.Add(1)
			}
		})
	}
	workers.Wait()
	fmt.Printf("{\"accepted\":%d,\"seconds\":%f}\n", accepted.Load(), time.Since(start).Seconds())
	return nil
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

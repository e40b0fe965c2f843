// Counts what becomes of all messages. It may be killed at any instant: the token is stored together with the effect, so
// each event counts exactly once.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	fanfare "github.com/fanfare-push/fanfare/clients/go"
	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
)

type state struct {
	Token  string         `json:"token"`
	Counts map[string]int `json:"counts"`
}

func main() {
	file := os.Args[1]
	known := state{Counts: map[string]int{}}
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &known); err != nil {
			log.Fatal(err)
		}
	}
	client, err := fanfare.Connect(os.Getenv("FANFARE_SERVER"), fanfare.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	stream, err := client.Watch(context.Background(), &pb.WatchDeliveriesRequest{
		Parent: "messages/-", ResumeToken: known.Token,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for frame, err := range stream.Frames() {
		if err != nil {
			log.Fatal(err)
		}
		for _, event := range frame.GetEvents().GetEvents() {
			known.Counts[event.Outcome.String()]++
		}
		known.Token = frame.ResumeToken
		if err := store(file, known); err != nil {
			log.Fatal(err)
		}
		text, _ := json.Marshal(known.Counts)
		fmt.Println(string(text))
	}
}

// store replaces the file at once. A database would do both in one transaction.
func store(file string, known state) error {
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

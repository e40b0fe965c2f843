// Sends to everybody who wants to hear of a topic, and shows the progress.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	fanfare "github.com/fanfare-push/fanfare/clients/go"
	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
)

func main() {
	topic, title := os.Args[1], os.Args[2]
	client, err := fanfare.Connect(os.Getenv("FANFARE_SERVER"), fanfare.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	stream, err := client.Broadcast(context.Background(), &pb.BroadcastRequest{
		Audience: &pb.Audience{Selector: &pb.Audience_Topics{Topics: &pb.TopicList{Topics: []string{topic}}}},
		Message: &pb.Message{Payload: &pb.Message_Notification{Notification: &pb.Notification{
			Title: title, Navigate: "https://app.example.com/",
		}}},
		ReportLevel: pb.ReportLevel_REPORT_LEVEL_PROGRESS, // No event for each endpoint: only the counts.
	})
	if err != nil {
		log.Fatal(err) // For example all fields that are wrong.
	}
	defer stream.Close()
	for _, err := range stream.Frames() {
		if err != nil {
			log.Fatal(err)
		}
		counts := stream.Message().GetCounts()
		fmt.Printf("\r%d of %d accepted, %d failed", counts.Accepted, counts.Targets, counts.Failed)
	}
	fmt.Println()
}

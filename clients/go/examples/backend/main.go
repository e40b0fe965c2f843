// A web backend that stores the subscriptions of its users' browsers.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	fanfare "github.com/fanfare-push/fanfare/clients/go"
	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
	"google.golang.org/grpc/codes"
)

func main() {
	client, err := fanfare.Connect(os.Getenv("FANFARE_SERVER"), fanfare.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	// What the page posts: {"subscription": …, "replaces": "old endpoint"}.
	http.HandleFunc("POST /subscriptions", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Subscription json.RawMessage
			Replaces     string
		}
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&body) != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		response, err := client.Subscribe(r.Context(), body.Subscription, &pb.SubscribeRequest{
			UserId:   "alice", // Who is logged in.
			Topics:   []string{"news"},
			Replaces: body.Replaces,
		})
		var refused *fanfare.Error
		switch {
		case err == nil:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintln(w, response.Subscription.Name)
		case errors.As(err, &refused) && refused.Code == codes.InvalidArgument:
			w.WriteHeader(http.StatusBadRequest)
			for _, violation := range refused.Violations {
				fmt.Fprintf(w, "%s: %s\n", violation.Field, violation.Description)
			}
		default:
			log.Print(err)
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	})

	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

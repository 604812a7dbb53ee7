// Command compose checks a compose file by the library of Docker Compose: against its schema, with strict types, and that
// what it mounts and builds from is there. It has a module of its own, so that the library never enters ours.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const within = 30 * time.Second

// secrets are what the file wants from its user.
var secrets = []string{"POSTGRES_PASSWORD=a", "AUTH_SECRET=b", "GRAFANA_PASSWORD=c"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compose FILE")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := check(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(ctx context.Context, path string) error {
	if _, err := load(ctx, path); err == nil {
		return errors.New("it starts without its secrets")
	}
	project, err := load(ctx, path, secrets...)
	if err != nil {
		return err
	}
	var found []error
	for _, service := range project.Services {
		for _, wrong := range look(service) {
			found = append(found, fmt.Errorf("%s: %s", service.Name, wrong))
		}
	}
	return errors.Join(found...)
}

func load(ctx context.Context, path string, env ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithEnv(env), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

// look says what is wrong with a service beyond what the schema can tell.
func look(service types.ServiceConfig) (wrong []string) {
	if service.Image == "" && service.Build == nil {
		wrong = append(wrong, "neither an image nor a build")
	}
	if service.Build != nil && !exists(service.Build.Context+"/Dockerfile") {
		wrong = append(wrong, "no Dockerfile in "+service.Build.Context)
	}
	for _, mount := range service.Volumes {
		if mount.Type == types.VolumeTypeBind && !exists(mount.Source) {
			wrong = append(wrong, mount.Source+" is not there")
		}
	}
	for _, port := range service.Ports {
		if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
			wrong = append(wrong, "port "+port.Published+" is open to the world")
		}
	}
	return wrong
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

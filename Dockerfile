# syntax=docker/dockerfile:1
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY patches patches
# Without scripts, or the package `node` would bring a second Node; it and the patcher are for npm scripts only.
RUN npm ci --omit=dev --ignore-scripts \
  && node node_modules/patch-package/index.js --error-on-fail \
  && rm -rf node_modules/node node_modules/.bin/node

FROM node:26-slim
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY src src
# The embedded database, of a node without DATABASE_URL.
RUN mkdir /data && chown node:node /data
VOLUME /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
# Alive, not ready: a node that waits for its database is not to be restarted.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--min-semi-space-size=64", "--max-semi-space-size=64", "--no-allocation-site-pretenuring", "src/main.ts"]

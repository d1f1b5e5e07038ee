FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY cli cli
COPY dev dev
COPY lab lab
COPY exposer exposer
COPY producer producer
COPY shared shared
RUN npm run build

# The server's libraries are peers, because applications that only publish do not need them, and development dependencies here:
# an image of the server takes them as its own, in the versions of the lock file.
FROM node:22-slim AS libraries
WORKDIR /app
COPY package.json package-lock.json ./
RUN node -p "const p = require('./package.json'); JSON.stringify({ dependencies: { ...p.dependencies, ...p.peerDependencies } })" > image.json \
  && mv image.json package.json \
  && npm install --ignore-scripts --no-audit --no-fund

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=libraries /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY cli/bin.mjs cli/
COPY shared/base/node-version.mjs shared/base/
USER node
EXPOSE 9754
ENTRYPOINT ["node", "cli/bin.mjs"]
CMD ["exposer"]

FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY producer producer
COPY exposer exposer
COPY shared shared
COPY cli cli
COPY deploy deploy
RUN npm run build

# The server's libraries are peers, because applications that only publish do not need them: an image of the server names them.
FROM node:22-slim AS libraries
WORKDIR /app
COPY package.json package-lock.json ./
RUN node -p "Object.entries(require('./package.json').peerDependencies).map(p => p.join('@')).join('\n')" \
  | xargs npm install --omit=dev --no-save --ignore-scripts --no-audit --no-fund

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=libraries /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY deploy/setup/bin.mjs deploy/setup/node-version.mjs deploy/setup/
USER node
EXPOSE 9754
ENTRYPOINT ["node", "deploy/setup/bin.mjs"]
CMD ["exposer"]

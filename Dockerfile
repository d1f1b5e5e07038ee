FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:22-slim AS libraries
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

# The program, and the demo apps of docker-compose.yml.
FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=libraries /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
USER node
EXPOSE 9752 9753 9754
ENTRYPOINT ["node", "dist/cli/bin.mjs"]
CMD ["exposer"]
